"""Where voxels are: affines in mm, boxes of voxels."""
